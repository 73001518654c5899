DELETE FROM history WHERE payment = (SELECT seq FROM payment WHERE id = :id)
