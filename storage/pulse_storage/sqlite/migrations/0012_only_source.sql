-- The scope and service of all model calls of a project, if there is one only: then none has a partner in another
-- trace. Empty while there are no calls, NULL where there are several.

ALTER TABLE projects ADD COLUMN only_source TEXT DEFAULT '';

UPDATE projects SET only_source = (
    SELECT CASE count(*) WHEN 0 THEN '' WHEN 1 THEN min(source) END
    FROM (
        SELECT DISTINCT coalesce(scope, '') || char(10) || coalesce(service, '') AS source
        FROM spans WHERE project = projects.key AND model_call
    ) AS sources
);
