# SPDX-License-Identifier: GPL-2.0
"""What bench/run and bench/report are made of."""
