// SPDX-License-Identifier: GPL-2.0
#pragma once
/// \file
/// Included last by every driver source: after it, the names below this project's border do not
/// compile any more.
/// C side: none.

#pragma GCC poison reinterpret_cast const_cast malloc free kmalloc kfree printk memcpy memset strcpy sprintf
#pragma GCC poison raw unsafe_raw unsafe_page unsafe_item unsafe_owner unsafe_from unsafe_cell unsafe_key
