// SPDX-License-Identifier: GPL-2.0
// compiler: g++
// expect: conversion from 'Request<.*NoPdu>' to non-scalar type 'Request<Tag>'
#include <cxxrt/blk.hpp>

#include <cxxrt/enforce.hpp>

using namespace cxxrt;

struct Tag {
	u32 bytes;
};

#ifdef OK
u32 bytes(blk::Request<Tag> request) { return request.pdu().bytes; }
#else
u32 bytes(blk::Request<> request)
{
	blk::Request<Tag> tagged = request;
	return tagged.pdu().bytes;
}
#endif
