"""Everything that talks to Orthanc: follows its change feed and makes the reporting database true to it."""
