"""The transfer log for people: what every association and DICOM operation was, how it ended, and why.

It only reads. ``words`` says what rows mean and knows no Flask; ``pages`` has the routes.
"""
