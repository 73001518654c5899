SELECT at, version_count, version_writer, source, event, target, note
FROM netcancel.history WHERE payment = :seq ORDER BY version_count, line
