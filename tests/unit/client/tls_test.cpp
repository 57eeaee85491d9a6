// The client's side of TLS against peers that speak none, or stop in the middle. (Certificates: tests/e2e.)
#include "client/http_client.h"
#include "client/server_api.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>

namespace einfer::client {
namespace {

using namespace std::chrono_literals;

/// Accepts one connection after another, and lets `handle` do what it wants with the descriptor.
class Peer {
public:
    explicit Peer(std::function<void(int)> handle)
        : handle_(std::move(handle)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* const any = reinterpret_cast<sockaddr*>(&address);
        if (::bind(listener_, any, size) != 0 || ::listen(listener_, 8) != 0 ||
            ::getsockname(listener_, any, &size) != 0)
            throw std::runtime_error("no loopback socket");
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] {
            for (int descriptor; (descriptor = ::accept(listener_, nullptr, nullptr)) >= 0;) {
                ++connections_;
                handle_(descriptor);
                ::close(descriptor);
            }
        });
    }
    ~Peer() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    [[nodiscard]] HttpClient client(std::chrono::milliseconds connect = 5s,
                                    std::chrono::milliseconds call = 10s) const {
        return {ServerUrl::parse("https://127.0.0.1:" + std::to_string(port_)).value(), connect, call,
                make_tls_context({}).value()};
    }
    [[nodiscard]] int connections() const { return connections_; }

private:
    std::function<void(int)> handle_;
    int listener_;
    int port_ = 0;
    std::atomic<int> connections_{0};
    std::thread thread_;
};

void send_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) return;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}
/// Reads until the client goes.
void wait_for_end(int descriptor) {
    std::string bytes(4096, '\0');
    while (::recv(descriptor, bytes.data(), bytes.size(), 0) > 0) {
    }
}
void hear_the_hello(int descriptor) {
    std::string bytes(4096, '\0');
    static_cast<void>(::recv(descriptor, bytes.data(), bytes.size(), 0));
}

HttpRequest get() {
    HttpRequest request;
    request.target = "/models";
    request.max_reply_bytes = 1000;
    return request;
}

const std::string record_header("\x16\x03\x03\x00\x7a", 5);  // of 122 bytes of handshake

TEST(TlsHandshake, SaysThatThePeerDoesNotSpeakTls) {
    for (const std::string& bytes :
         {std::string("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), std::string("SSH-2.0-OpenSSH_9\r\n"),
          std::string(100'000, '\xff'), std::string(300, '\0'), record_header + std::string(122, 'x'),
          std::string("\x15\x03\x01\x00\x02\x02\x46", 7) /* alert: protocol_version */}) {
        const Peer peer([&](int descriptor) {
            hear_the_hello(descriptor);
            send_all(descriptor, bytes);
            wait_for_end(descriptor);
        });
        const auto reply = peer.client().call(get());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().kind, ErrorKind::Tls) << reply.error().message;
        EXPECT_NE(reply.error().message.find("does not speak TLS"), std::string::npos) << reply.error().message;
    }
}

TEST(TlsHandshake, ReportsWhatThePeerRefusesWith) {
    const Peer peer([&](int descriptor) {
        hear_the_hello(descriptor);
        send_all(descriptor, std::string("\x15\x03\x03\x00\x02\x02\x28", 7));  // alert: handshake_failure
        wait_for_end(descriptor);
    });
    const auto reply = peer.client().call(get());
    EXPECT_EQ(reply.error().kind, ErrorKind::Tls);
    EXPECT_NE(reply.error().message.find("refused TLS"), std::string::npos) << reply.error().message;
}

TEST(TlsHandshake, IsBoundedInTime) {
    for (const std::string& begin : {std::string(), record_header, record_header + "\x02"}) {
        const Peer peer([&](int descriptor) {
            send_all(descriptor, begin);
            wait_for_end(descriptor);
        });
        const auto start = std::chrono::steady_clock::now();
        for (const auto& reply : {peer.client(200ms).call(get()), peer.client(5s, 200ms).call(get())}) {
            ASSERT_FALSE(reply);
            EXPECT_EQ(reply.error().kind, ErrorKind::Timeout) << reply.error().message;
        }
        EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    }
}

TEST(TlsHandshake, IsBoundedInTimeWithDribblingPeers) {
    const Peer peer([](int descriptor) {
        send_all(descriptor, std::string("\x16\x03\x03\x3f\xff", 5));
        for (char c = 2; ::send(descriptor, &c, 1, MSG_NOSIGNAL) == 1; c = 0) std::this_thread::sleep_for(10ms);
    });
    EXPECT_EQ(peer.client(300ms).call(get()).error().kind, ErrorKind::Timeout);
}

TEST(TlsHandshake, ThatBreaksIsABrokenConnection) {
    for (const std::string& begin : {std::string(), record_header, record_header + "\x02"}) {
        const Peer peer([&](int descriptor) {
            hear_the_hello(descriptor);
            send_all(descriptor, begin);
        });
        const auto reply = peer.client().call(get());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().kind, ErrorKind::Connection) << reply.error().message;
        EXPECT_NE(reply.error().message.find("TLS handshake"), std::string::npos);
    }
}

TEST(TlsHandshake, IsNotTriedAgainWhenItCannotSucceed) {
    const Peer peer([](int descriptor) {
        hear_the_hello(descriptor);
        send_all(descriptor, "HTTP/1.1 400 Bad Request\r\n\r\n");
        wait_for_end(descriptor);
    });
    ServerApi api(peer.client(), "", 10s, "sesame");
    const auto reply = api.submit("{}", 1000, std::chrono::steady_clock::now() + 30s);
    EXPECT_EQ(reply.error().kind, ErrorKind::Tls);
    EXPECT_EQ(peer.connections(), 1);
}

}  // namespace
}  // namespace einfer::client
