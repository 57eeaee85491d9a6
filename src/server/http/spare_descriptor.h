// A file descriptor kept for the moment when there is no other: with it a waiting connection can be told so.
#pragma once

#include <boost/asio/ip/tcp.hpp>

namespace einfer::server::http {

class SpareDescriptor {
public:
    SpareDescriptor();
    ~SpareDescriptor();
    SpareDescriptor(const SpareDescriptor&) = delete;
    SpareDescriptor& operator=(const SpareDescriptor&) = delete;

    /// Accepts one connection, if one waits, and closes it; before that it is answered with OVERLOADED if `say_so` (it
    /// speaks HTTP without TLS).
    void refuse_one(boost::asio::ip::tcp::acceptor& acceptor, bool say_so);

private:
    int descriptor_;
};

}  // namespace einfer::server::http
