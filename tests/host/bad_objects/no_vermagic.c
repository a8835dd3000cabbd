// SPDX-License-Identifier: GPL-2.0
// Not linked with what modpost wrote.
#include "ko_like.h"

LICENSE
LAYOUT
