DELETE FROM netcancel.worker WHERE seen_at < :seen_before
