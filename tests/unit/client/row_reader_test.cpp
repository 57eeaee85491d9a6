#include "row_reader.h"

#include <gtest/gtest.h>

#include <sstream>

namespace einfer::cli {
namespace {

RowTable read(const std::string& text, std::optional<RowFormat> format = std::nullopt) {
    std::istringstream in(text);
    return read_rows(in, format);
}

std::string fault_of(const std::string& text, std::optional<RowFormat> format = std::nullopt) {
    try {
        const RowTable table = read(text, format);
        return "none: " + std::to_string(table.rows()) + " rows";
    } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()).find_first_of("\r\n\x1b"), std::string::npos);
        return error.what();
    }
}

constexpr const char* nothing_but_a_header =
    "there are no rows in the input below its first line, which has no numbers: a header? Values are separated by "
    "commas";

TEST(CsvRows, ReadsNumbers) {
    for (const char* text : {"1,2.5\n-3,4e-1\n", "1,2.5\r\n-3,4e-1\r\n", "a,b\n1,2.5\n-3,4e-1",
                             "\xef\xbb\xbf"
                             "a,b\n1,2.5\n-3,.4\n",
                             "\n\n 1 ,\t2.5 \n\n\"-3\",\" 0.4\"\n\n", "\"a\nb\",\"c,\"\"d\"\n+1,2.5\n-3,4E-1\n"}) {
        const RowTable table = read(text);
        EXPECT_EQ(table.format, RowFormat::Csv);
        EXPECT_EQ(table.dimension, 2u);
        EXPECT_EQ(table.rows(), 2u);
        EXPECT_EQ(table.values, (std::vector<double>{1, 2.5, -3, 0.4})) << text;
    }
    EXPECT_EQ(read("7").values, std::vector<double>{7});
    EXPECT_EQ(read("a,b\n1,2\n\n\"3\n\",4\n5,6\n").lines, (std::vector<std::size_t>{2, 4, 6}));
}

TEST(CsvRows, SaysWhereItIsWrong) {
    EXPECT_EQ(fault_of("1,2\n3,4\n5,x\n"), "line 3, column 2: 'x' is not a finite number");
    EXPECT_EQ(fault_of("a,b\n\n3,4\n5,1.2.3\n"), "line 4, column 2: '1.2.3' is not a finite number");
    EXPECT_EQ(fault_of("1,2\n3,\n"), "line 2, column 2: empty, but every feature needs a number");
    EXPECT_EQ(fault_of("1,2\n3\n"), "line 2: 1 numbers, but line 1 has 2");
    EXPECT_EQ(fault_of("a,b\n1,2\n3,4,5\n"), "line 3: 3 numbers, but line 2 has 2");
    EXPECT_EQ(fault_of("a,2\n1,2\n"), "line 1, column 1: 'a' is not a finite number (a header has no numbers at all)");
    EXPECT_EQ(fault_of("a,b\nc,d\n1,2\n"), "line 2, column 1: 'c' is not a finite number");
    EXPECT_EQ(fault_of("\"a\nb\",c\n1,2\nx,2\n"), "line 4, column 1: 'x' is not a finite number");
    EXPECT_EQ(fault_of("1,2\n\"3,4\n5,6\n"),
              "line 2: not CSV: a quote that is not closed, or one in the middle of a field");
    EXPECT_EQ(fault_of("1,2\n3,4\"5\n"),
              "line 2: not CSV: a quote that is not closed, or one in the middle of a field");
    EXPECT_EQ(fault_of("1;2\n"), nothing_but_a_header);
    EXPECT_EQ(fault_of("1,2\n1;2,3\n"),
              "line 2, column 1: '1;2' is not a finite number (values are separated by commas)");
    for (const char* number : {"nan", "inf", "-inf", "1e999", "0x10", "1,5,", "--1", "+-1", "1e", "1_000", "1 2"})
        EXPECT_NE(fault_of("1,2\n1," + std::string(number) + "\n").find("line 2"), std::string::npos) << number;
    EXPECT_EQ(fault_of("1\n\xc2\x9b"
                       "31m\n"),
              "line 2, column 1: '??31m' is not a finite number");  // U+009B begins a command, too
    EXPECT_NE(fault_of("1\n\x1b[31m" + std::string(100, 'x') + "\n").find("...'"), std::string::npos);
}

TEST(CsvRows, TakesNoRowWithoutNumbersForAHeader) {
    for (const char* row : {"nan", "inf", "-Infinity", "1e999", "+nan", "a,nan"})
        EXPECT_NE(fault_of(std::string(row) + "\n1,2\n").find("line 1, column "), std::string::npos) << row;
    EXPECT_EQ(fault_of(",,\n1,2,3\n"), "line 1, column 1: empty, but every feature needs a number");
    EXPECT_EQ(fault_of("\"\"\n1\n"), "line 1, column 1: empty, but every feature needs a number");
    EXPECT_EQ(read("nano,info\n1,2\n").rows(), 1u);
    EXPECT_EQ(read(",b\n1,2\n").rows(), 1u);  // a column without a name
}

TEST(CsvRows, WantsRows) {
    EXPECT_EQ(fault_of("a,b\n"), nothing_but_a_header);
    for (const char* text : {"", "\n", " \n\n", "\xef\xbb\xbf"})
        EXPECT_EQ(fault_of(text), "there are no rows in the input") << text;
    EXPECT_EQ(fault_of("", RowFormat::Csv), "there are no rows in the input");
}

TEST(JsonLines, ReadsArraysAndObjects) {
    const RowTable table = read("[1, 2.5]\n\n {\"id\": 7, \"features\": [-3, 4e-1]} \r\n");
    EXPECT_EQ(table.format, RowFormat::JsonLines);
    EXPECT_EQ(table.dimension, 2u);
    EXPECT_EQ(table.values, (std::vector<double>{1, 2.5, -3, 0.4}));
    EXPECT_EQ(table.lines, (std::vector<std::size_t>{1, 3}));
    EXPECT_EQ(read("[18446744073709551615]").values, std::vector<double>{18446744073709551615.0});
}

TEST(JsonLines, SaysWhereItIsWrong) {
    EXPECT_EQ(fault_of("[1,2]\n[3\n").find("line 2: not JSON"), 0u);
    EXPECT_EQ(fault_of("[1,2]\n\n[3,\"4\"]\n").find("line 3, element 2 is not a finite number"), 0u);
    EXPECT_EQ(fault_of("[1,2]\n[1,1e999]\n").find("line 2, element 2"), 0u);
    EXPECT_EQ(fault_of("[[1,2],[3,4]]\n").find("line 1, element 1"), 0u);
    EXPECT_EQ(fault_of("{\"feature\":[1]}\n").find("line 1: no array of numbers"), 0u);
    EXPECT_EQ(fault_of("{\"features\":1}\n").find("line 1: no array of numbers"), 0u);
    EXPECT_EQ(fault_of("[1,2]\n3,4\n").find("line 2: not JSON"), 0u);
    EXPECT_EQ(fault_of("[1,2]\n[3]\n"), "line 2: 1 numbers, but line 1 has 2");
    EXPECT_EQ(fault_of("[]\n"), "line 1: a row without numbers");
    EXPECT_EQ(fault_of(std::string(100000, '[') + "\n").find("line 1: not JSON"), 0u);
    EXPECT_EQ(fault_of("", RowFormat::JsonLines), "there are no rows in the input");
}

TEST(RowFormats, FollowNameThenContent) {
    EXPECT_EQ(format_of_name("a/b.CSV"), RowFormat::Csv);
    EXPECT_EQ(format_of_name("b.jsonl"), RowFormat::JsonLines);
    EXPECT_EQ(format_of_name("b.ndjson"), RowFormat::JsonLines);
    EXPECT_EQ(format_of_name("b.txt"), std::nullopt);
    EXPECT_EQ(format_of_name("-"), std::nullopt);
    EXPECT_EQ(fault_of("[1,2]\n", RowFormat::Csv), nothing_but_a_header);  // a header of two names
    EXPECT_EQ(fault_of("1,2\n", RowFormat::JsonLines).find("line 1: not JSON"), 0u);
}

}  // namespace
}  // namespace einfer::cli
