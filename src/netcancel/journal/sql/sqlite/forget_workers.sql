DELETE FROM worker WHERE seen_at < :seen_before
