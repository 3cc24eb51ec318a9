"""The recorder: a process on the DICOM port that forwards every byte and writes down what passes.

Its first duty is the image: whatever happens to reading or writing down, bytes go on. Nothing here touches
the database or Orthanc's REST API, and nothing changes a message: it may only turn somebody away before an
association begins. docs/adr/0030 says why it exists.
"""
