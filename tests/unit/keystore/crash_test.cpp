// kill -9 at any moment of an upload: what was said to be kept is there, and nothing else is.
#include "unit/keystore/support.h"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

namespace einfer::test {
namespace {

/// The ids that a process told its parent before it was killed after `microseconds`.
std::set<std::string> run_and_kill(const std::function<void(std::function<void(const std::string&)>)>& act,
                                   unsigned microseconds) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        act([&](const std::string& id) {
            if (::write(ends[1], id.data(), id.size()) < 0) ::_exit(1);
        });
        ::_exit(0);
    }
    ::close(ends[1]);
    ::usleep(microseconds);
    ::kill(child, SIGKILL);
    std::string told;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        told.append(buffer, static_cast<std::size_t>(count));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    std::set<std::string> ids;
    for (std::size_t from = 0; from + 64 <= told.size(); from += 64) ids.insert(told.substr(from, 64));
    return ids;
}

class KeyStoreCrash : public KeyStoreTest {};

TEST_F(KeyStoreCrash, WhatWasToldIsKept) {
    { const auto made = open(); }
    std::set<std::string> told;
    for (unsigned round = 0; round < 24; ++round) {
        told.merge(run_and_kill(
            [&](const auto& tell) {
                const auto store = KeyStore::open(path(), {}, [this] { return now.load(); }).value();
                for (unsigned seed = 100 * round;; ++seed) tell(put(*store, "alice", seed)->key.id);
            },
            2'000 + 1'700 * round));
        const auto store = open();
        for (const std::string& id : told) EXPECT_TRUE(content(*store, id, "alice")) << id;
        EXPECT_GE(store->usage().keys, told.size());  // the last one may have been kept and not told
        EXPECT_LE(store->usage().keys, told.size() + round + 1);
        EXPECT_EQ(files().size(), store->usage().keys);
    }
    EXPECT_FALSE(told.empty());
}

}  // namespace
}  // namespace einfer::test
