ALTER TABLE netcancel_meta COMMENT = 'made'
