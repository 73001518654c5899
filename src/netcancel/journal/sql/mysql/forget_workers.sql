DELETE FROM netcancel_worker WHERE seen_at < :seen_before
