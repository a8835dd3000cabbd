// SPDX-License-Identifier: GPL-2.0
// A pure virtual function leaves a slot that calls the runtime.
#include "ko_like.h"

KO_LIKE

struct Shape {
	virtual int area() = 0;
	Shape();
	int size = 0;
};

Shape::Shape() = default;
