"""The reporting database: models, sessions, migrations. Knows neither Flask nor HTTP nor Orthanc."""
