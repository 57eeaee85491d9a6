#include "server/http/server.h"

#include "server/http/session.h"
#include "server/http/spare_descriptor.h"
#include "server/log.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

namespace einfer::server::http {

namespace net = boost::asio;
using net::ip::tcp;

class HttpServer::Impl {
public:
    Impl(InferenceService& service, tenants::Tenants& tenants, AuditLog& audit, HttpOptions options)
        : shared_{.service = service,
                  .handlers = Handlers(service, tenants, Cors(options.cors_origins)),
                  .audit = audit,
                  .options = std::move(options)},
          tls_(shared_.options.tls),
          context_(static_cast<int>(shared_.options.io_threads)),
          acceptor_(context_) {}
    ~Impl() { stop(); }

    Result<std::string> start() {
        boost::system::error_code ec;
        const auto address = net::ip::make_address(shared_.options.address, ec);
        if (ec) return Error{ErrorCode::Internal, "'" + shared_.options.address + "' is no numeric IP address"};
        if (const auto loaded = tls_.load(); !loaded) return loaded.error();
        const tcp::endpoint wanted(address, shared_.options.port);
        acceptor_.open(wanted.protocol(), ec);
        if (!ec) acceptor_.set_option(net::socket_base::reuse_address(true), ec);
        if (!ec) acceptor_.bind(wanted, ec);
        if (!ec) acceptor_.listen(net::socket_base::max_listen_connections, ec);
        if (ec)
            return Error{ErrorCode::Internal, "cannot listen on " + host_port(wanted) + ": " + ec.message() +
                                                  " (choose another --listen; port 0 takes a free one)"};

        for (std::size_t i = 0; i < std::max<std::size_t>(1, shared_.options.io_threads); ++i)
            threads_.emplace_back([this] { serve(); });
        threads_.emplace_back([this] { accept(); });
        return (tls_.enabled() ? "https://" : "http://") + host_port(acceptor_.local_endpoint(ec));
    }

    Result<void> reload_certificate() { return tls_.load(); }
    std::uint64_t endings() const { return shared_.endings; }

    void stop() {
        if (threads_.empty()) return;
        shared_.service.begin_shutdown();
        shared_.draining = true;
        {
            const std::lock_guard lock(mutex_);
            for (const auto& each : sessions_)
                if (const auto session = each.lock()) session->drain();
        }
        const auto deadline = std::chrono::steady_clock::now() + shared_.options.shutdown_grace;
        while (shared_.requests > 0 && std::chrono::steady_clock::now() < deadline)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        stopped_ = true;
        ::shutdown(acceptor_.native_handle(), SHUT_RD);  // wakes accept()
        context_.stop();
        for (std::thread& thread : threads_) thread.join();
        threads_.clear();
    }

private:
    static std::string host_port(const tcp::endpoint& endpoint) {
        const std::string host = endpoint.address().to_string();
        return (endpoint.address().is_v6() ? '[' + host + ']' : host) + ':' + std::to_string(endpoint.port());
    }

    /// On a thread of its own and without a coroutine, which a lack of memory could end.
    void accept() {
        constexpr std::chrono::milliseconds pause{10};
        while (!stopped_)
            if (!accept_one() && !stopped_) std::this_thread::sleep_for(pause);
    }

    /// False when there is no descriptor or no memory for it: std::bad_alloc, or whatever OpenSSL makes of it.
    bool accept_one() try {
        boost::system::error_code ec;
        tcp::socket socket = acceptor_.accept(net::make_strand(context_), ec);
        if (!ec) {
            begin_session(std::move(socket));
            return true;
        }
        if (stopped_) return false;
        // accept() fails for the lack of a descriptor also when nobody is there.
        if (ec == net::error::no_descriptors && !somebody_waits(std::chrono::milliseconds(0)))
            return somebody_waits(std::chrono::milliseconds(100));
        log_event(LogLevel::Warning, "accept_failed", {{"reason", ec.message()}});
        if (ec == net::error::no_descriptors) spare_.refuse_one(acceptor_, !tls_.enabled());
        return false;
    } catch (const std::exception&) {
        return false;
    }

    bool somebody_waits(std::chrono::milliseconds at_most) {
        pollfd listening{acceptor_.native_handle(), POLLIN, 0};
        return ::poll(&listening, 1, static_cast<int>(at_most.count())) == 1;
    }

    void begin_session(tcp::socket socket) {
        const std::size_t open = shared_.connections;
        const std::size_t most = shared_.options.max_connections;
        if (open >= most + most / 8 + 16) return;  // too many even to tell each of them
        const auto executor = socket.get_executor();
        const auto session = std::make_shared<Session>(std::move(socket), tls_.context(), shared_, open >= most);
        remember(session);
        net::co_spawn(
            executor, [session] { return session->run(); }, net::detached);
    }

    void serve() {
        while (true) {
            try {
                context_.run();
                return;
            } catch (const std::exception& fault) {
                // No memory for a handler, most likely: its connection is lost, the others go on.
                log_event(LogLevel::Error, "fault", {{"what", fault.what()}});
            }
        }
    }

    void remember(const std::shared_ptr<Session>& session) {
        const std::lock_guard lock(mutex_);
        if (sessions_.size() >= 2 * shared_.connections + 16)
            std::erase_if(sessions_, [](const auto& each) { return each.expired(); });
        sessions_.push_back(session);
    }

    SessionShared shared_;
    Tls tls_;
    net::io_context context_;
    const net::executor_work_guard<net::io_context::executor_type> work_{context_.get_executor()};
    tcp::acceptor acceptor_;
    std::atomic<bool> stopped_{false};
    SpareDescriptor spare_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Session>> sessions_;
    std::vector<std::thread> threads_;
};

HttpServer::HttpServer(InferenceService& service, tenants::Tenants& tenants, AuditLog& audit, HttpOptions options)
    : impl_(std::make_unique<Impl>(service, tenants, audit, std::move(options))) {}
HttpServer::~HttpServer() = default;
Result<std::string> HttpServer::start() { return impl_->start(); }
Result<void> HttpServer::reload_certificate() { return impl_->reload_certificate(); }
std::uint64_t HttpServer::endings() const { return impl_->endings(); }
void HttpServer::stop() { impl_->stop(); }

}  // namespace einfer::server::http
