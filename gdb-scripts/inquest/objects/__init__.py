"""Python values read from memory: ``values.Values`` is the way in.

Readers give raw contents and know the structs (``text``, ``numbers``, ``sequences``, ``mappings``, ``types``, ``attributes``); families of
printers turn them into what ``repr()`` would print (``scalars``, ``containers``, ``callables``, ...), driven by ``printer`` within
``limits``. ``handlers`` lists which type each prints.
"""
