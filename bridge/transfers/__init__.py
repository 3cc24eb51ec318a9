"""The bridge's part of the transfer log: from the recorder's spool, and from what Orthanc knows, to rows.

A thread of ``python -m bridge run`` beside the change feed's, with a leadership of its own: a spool is
read on the host where it lies.
"""
