-- What the schema is made of, in words that stay the same from one PostgreSQL to the next.
SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attidentity) AS part
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = to_regnamespace('netcancel') AND c.relkind = 'r'
    AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, contype, convalidated)
FROM pg_constraint
WHERE connamespace = to_regnamespace('netcancel') AND contype IN ('c', 'f', 'p', 'u')
UNION ALL
SELECT concat_ws(' ', 'index', c.relname, i.indisunique, i.indisvalid)
FROM pg_class AS c JOIN pg_index AS i ON i.indexrelid = c.oid
WHERE c.relnamespace = to_regnamespace('netcancel')
UNION ALL
SELECT concat_ws(' ', 'trigger', c.relname, t.tgname, t.tgtype, t.tgenabled, p.proname)
FROM pg_class AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE c.relnamespace = to_regnamespace('netcancel') AND NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' ', 'function', proname, prosrc)
FROM pg_proc WHERE pronamespace = to_regnamespace('netcancel')
