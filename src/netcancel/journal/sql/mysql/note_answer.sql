UPDATE netcancel_payment SET answer = :answer, van_trx_no = :van_trx_no WHERE id = :id AND answer IS NULL
