-- What the schema is made of, in words that stay the same from one server to the next.
SELECT CONCAT_WS(' ', 'column', table_name, column_name, data_type, is_nullable, collation_name,
    character_maximum_length) AS part
FROM information_schema.columns
WHERE table_schema = DATABASE() AND LEFT(table_name, 10) = 'netcancel_'
UNION ALL
SELECT CONCAT_WS(' ', 'constraint', table_name, constraint_name, constraint_type)
FROM information_schema.table_constraints
WHERE table_schema = DATABASE() AND LEFT(table_name, 10) = 'netcancel_'
UNION ALL
SELECT CONCAT_WS(' ', 'index', table_name, index_name, non_unique, seq_in_index, column_name, sub_part)
FROM information_schema.statistics
WHERE table_schema = DATABASE() AND LEFT(table_name, 10) = 'netcancel_'
UNION ALL
SELECT CONCAT_WS(' ', 'trigger', event_object_table, trigger_name, action_timing,
    event_manipulation, action_statement)
FROM information_schema.triggers
WHERE trigger_schema = DATABASE() AND LEFT(event_object_table, 10) = 'netcancel_'
