"""Templates and standard texts: what radiologists write once, so that they needn't type it in every report.

``placeholders``, ``fitting`` and ``fields`` are pure; ``facts`` and ``changes`` know the database; the pages
are those of ``template_pages``, ``text_pages`` and, for an open report, ``study_texts``.
"""
