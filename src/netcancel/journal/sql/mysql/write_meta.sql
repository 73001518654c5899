-- Under another name until all is written: a server makes tables outside of transactions.
INSERT INTO netcancel_making (name, value) VALUES (:name, :value)
