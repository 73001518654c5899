RENAME TABLE netcancel_making TO netcancel_meta
