"""Debian hosts with systemd, sshd, addresses and disks of their own, on one Linux machine."""
