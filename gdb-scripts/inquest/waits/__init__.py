"""What each blocked thread waits for, and who holds it.

A thread that sleeps in a futex tells the address of the word it sleeps on. ``locks`` finds the object that the word belongs to,
``library`` what the standard library made of that object (a Condition, a queue, a join), ``with_blocks`` who is inside a ``with`` of it,
``names`` under which name the program knows it. Nothing is unwound, so all of this holds for stripped programs.
"""
