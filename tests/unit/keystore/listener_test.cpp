// Who waits for the store is answered, whatever there is no memory for.
#include "unit/keystore/support.h"

#include <new>

namespace einfer::test {
namespace {

class KeyStoreListener : public KeyStoreTest {
protected:
    /// A listener that throws for the first `throws` times, and what it was told with each call.
    template <class T>
    struct Listener {
        unsigned throws;
        std::vector<std::string> told{};
        void operator()(const Result<T>& result) {
            told.push_back(code_of(result));
            if (told.size() <= throws) throw std::bad_alloc();
        }
    };

    template <class T>
    static std::vector<std::string> told_of(unsigned throws, KeyStore& store,
                                            const std::function<void(std::function<void(Result<T>)>)>& ask) {
        const auto listener = std::make_shared<Listener<T>>(throws);
        ask([listener](const Result<T>& result) { (*listener)(result); });
        static_cast<void>(erase(store, std::string(64, '0'), "the next task: the one before is over"));
        return listener->told;
    }
};

TEST_F(KeyStoreListener, IsToldWhenThereWasNoMemoryForTheResult) {
    const auto store = open();
    const Bytes file = key_file(*small_header(), 1);
    const auto keep = [&](std::function<void(Result<keystore::Stored>)> done) {
        auto upload = store->begin("alice", {}).value();
        ASSERT_FALSE(upload->append(file));
        store->store(std::move(upload), small_header(), std::move(done));
    };
    using Told = std::vector<std::string>;
    EXPECT_EQ(told_of<keystore::Stored>(0, *store, keep), Told({"OK"}));
    EXPECT_EQ(told_of<keystore::Stored>(1, *store, keep), Told({"OK", "OVERLOADED"}));
    EXPECT_EQ(told_of<keystore::Stored>(9, *store, keep), Told({"OK", "OVERLOADED"}));
    EXPECT_EQ(store->usage().arriving, 0u);

    const auto again = put(*store, "alice", 1);
    ASSERT_TRUE(again) << "the store goes on";
    EXPECT_FALSE(again->added) << "what was kept stays";
    const auto forget = [&](std::function<void(Result<void>)> done) {
        store->erase(again->key.id, "alice", std::move(done));
    };
    EXPECT_EQ(told_of<void>(1, *store, forget), Told({"OK", "OVERLOADED"}));
    EXPECT_EQ(told_of<void>(1, *store, forget), Told({"UNKNOWN_KEY", "OVERLOADED"}));
    EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace einfer::test
