-- What the schema is made of, in words that stay the same from one PostgreSQL to the next. Other
-- tables may stand beside ours: a user who is called as the schema is makes them here.
WITH ours AS (
    SELECT c.oid, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'netcancel' AND c.relname IN (
        'meta', 'payment', 'kept_answer', 'history', 'worker', 'incarnation', 'hold',
        'vault_key', 'used_number')
)
SELECT concat_ws(' ', 'column', ours.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    a.attnotnull, a.attidentity) AS part
FROM ours JOIN pg_attribute AS a ON a.attrelid = ours.oid
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT concat_ws(' ', 'constraint', ours.relname, c.conname, c.contype, c.convalidated)
FROM ours JOIN pg_constraint AS c ON c.conrelid = ours.oid
WHERE c.contype IN ('c', 'f', 'p', 'u')
UNION ALL
SELECT concat_ws(' ', 'index', ours.relname, c.relname, i.indisunique, i.indisvalid)
FROM ours JOIN pg_index AS i ON i.indrelid = ours.oid JOIN pg_class AS c ON c.oid = i.indexrelid
UNION ALL
SELECT concat_ws(' ', 'trigger', ours.relname, t.tgname, t.tgtype, t.tgenabled, p.proname)
FROM ours JOIN pg_trigger AS t ON t.tgrelid = ours.oid JOIN pg_proc AS p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal
UNION ALL
SELECT concat_ws(' ', 'function', p.proname, p.prosrc)
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'netcancel' AND p.proname IN (
    'tell_intent', 'tell_move', 'refuse', 'only_with_a_key_in_use', 'keep_a_needed_key',
    'only_with_a_new_number', 'only_for_a_closed_payment', 'leave_a_number',
    'leave_with_its_payment')
