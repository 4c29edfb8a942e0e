# -*- coding: utf-8 -*-
"""Names of every string kind: Latin-1, BMP and beyond."""
import ctypes


def größe(länge):
    ctypes.string_at(0)  # at: größe


def 计算(参数):
    größe(参数)  # at: 计算


def 𝔣𝔫(x):
    计算("\U0001f40d snake")  # at: fn


𝔣𝔫(1)  # at: <module>
