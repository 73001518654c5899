SELECT GET_LOCK(CONCAT('netcancel ', DATABASE()), 3) AS is_ours
