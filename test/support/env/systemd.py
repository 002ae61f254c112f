"""Prints what systemd reads from each file of a folder (EnvironmentFile=): a line of JSON each, values in base64, null if it
refuses. It calls the function that the service manager calls, in the library that systemd's own programs share."""

import base64
import ctypes
import json
import os
import sys

folder, library = sys.argv[1:3]
shared = ctypes.CDLL(library)
shared.load_env_file.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.POINTER(ctypes.c_char_p))]
shared.env_assignment_is_valid.argtypes = [ctypes.c_char_p]
shared.env_assignment_is_valid.restype = ctypes.c_bool


def read(path):
    found = ctypes.POINTER(ctypes.c_char_p)()
    if shared.load_env_file(None, path.encode(), ctypes.byref(found)) < 0:
        return None
    values = {}
    for entry in found or []:
        if entry is None:
            break
        name, value = entry.split(b"=", 1)
        # the service manager drops what has no valid name or value, and goes on
        if shared.env_assignment_is_valid(entry):
            values[name.decode("latin-1")] = base64.b64encode(value).decode()
    return values


for name in sorted(os.listdir(folder)):
    print(json.dumps(read(os.path.join(folder, name))))
