"""Starts Noctis: settings checked, database migrated, Orthanc, recorder, bridge and webapp under one supervisor."""
