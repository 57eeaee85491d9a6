// What the shared library exports.
#pragma once

#define EINFER_API __attribute__((visibility("default")))
