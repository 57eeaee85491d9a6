#include "wire/inflater.h"

#include <string.h>  // explicit_bzero

namespace einfer::wire {

Inflater::~Inflater() {
    if (memory_.wipes()) explicit_bzero(buffer_.data(), buffer_.size());
}

MaybeFault Inflater::reserve(std::size_t bytes) {
    if (!reservation_.grow(sizeof *this + bytes)) return out_of_memory();
    return std::nullopt;
}

}  // namespace einfer::wire
