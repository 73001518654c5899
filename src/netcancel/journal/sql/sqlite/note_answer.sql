UPDATE payment SET answer = :answer WHERE id = :id AND answer IS NULL
