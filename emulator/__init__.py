"""Emulated modalities: synthetic studies, and the DICOM clients (SCUs) that send them. Never patient data."""
