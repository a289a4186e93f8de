-- Names of projects are unique. A deleted project keeps its row, so that its id is never given to another.

ALTER TABLE projects ADD COLUMN deleted_ns bigint;

-- Of projects with the same name, the oldest keeps it.
UPDATE projects SET name = name || ' (' || substr(id, 1, 8) || ')'
WHERE EXISTS (
    SELECT 1 FROM projects AS older
    WHERE older.name = projects.name
    AND (older.created_ns < projects.created_ns OR (older.created_ns = projects.created_ns AND older.key < projects.key))
);

CREATE UNIQUE INDEX projects_by_name ON projects (name) WHERE deleted_ns IS NULL;
