"""What the heap as a whole tells: the collector's lists, who refers to whom, what has become of an object, who allocated it."""
