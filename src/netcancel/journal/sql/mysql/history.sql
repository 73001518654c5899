SELECT at, version_count, version_writer, source, event, target, note
FROM netcancel_history WHERE payment = :seq ORDER BY version_count, line
