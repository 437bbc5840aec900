"""Writes the files of user data below a folder, by cloud-init's own code: write_files.py USER-DATA FOLDER."""

import grp
import os
import pwd
import sys

import yaml
from cloudinit.config.cc_write_files import write_files

with open(sys.argv[1], encoding="utf-8") as file:
    files = yaml.safe_load(file)["write_files"]
owner = pwd.getpwuid(os.getuid()).pw_name + ":" + grp.getgrgid(os.getgid()).gr_name
for file in files:
    file["path"] = sys.argv[2] + file["path"]
    file["owner"] = owner
write_files("userdata", files, owner)
