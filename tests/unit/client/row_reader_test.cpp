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
    EXPECT_EQ(read("\n\n1,2\n\n3,4\n").lines, (std::vector<std::size_t>{3, 5}));
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

TEST(CsvRows, KeepsAHeadersNames) {
    EXPECT_EQ(read("a, b c ,\"d,e\"\n1,2,3\n").names, (std::vector<std::string>{"a", "b c", "d,e"}));
    EXPECT_TRUE(read("1,2,3\n").names.empty());
    EXPECT_TRUE(read("only one\n1,2,3\n").names.empty()) << "they do not fit the rows";
    EXPECT_TRUE(read("[1, 2]\n").names.empty());
}

RowTable chosen(const std::string& text, const std::vector<std::string>& features) {
    std::istringstream in(text);
    return read_rows(in, std::nullopt, features);
}

std::string fault_of_choice(const std::string& text, const std::vector<std::string>& features) {
    try {
        return "none: " + std::to_string(chosen(text, features).rows()) + " rows";
    } catch (const InputError& error) {
        return error.what();
    }
}

const std::vector<std::string> abc{"a", "b c", "d"};

TEST(ChosenColumns, AreThoseOfAFileLikeTheModel) {
    for (const char* text : {"a,b c,d\n1,2,3\n", " a ,\tb c,\"d \"\n1,2,3\n",
                             "\xef\xbb\xbf"
                             "a,b c,d\n1,2,3\n"}) {
        const RowTable table = chosen(text, abc);
        EXPECT_EQ(table.values, (std::vector<double>{1, 2, 3})) << text;
        EXPECT_EQ(table.names, abc);
        EXPECT_EQ(table.note, "");
    }
    EXPECT_EQ(chosen("a,b\n1,2\n", {" a", "b\t"}).values, (std::vector<double>{1, 2})) << "blanks in the model's names";
    EXPECT_EQ(chosen("1,2,3\n", abc).values, (std::vector<double>{1, 2, 3})) << "no header";
    EXPECT_EQ(chosen("[1, 2]\n", abc).values, (std::vector<double>{1, 2})) << "no columns";
    EXPECT_EQ(chosen("q,q\n1,2\n", {"x", "x"}).values, (std::vector<double>{1, 2})) << "names that tell nothing apart";
    EXPECT_EQ(chosen("q,r\n1,2\n", {}).names, (std::vector<std::string>{"q", "r"}));
}

TEST(ChosenColumns, FollowTheModelsOrder) {
    const RowTable table = chosen("d,a,b c\n3,1,2\n\n6,4,5\n", abc);
    EXPECT_EQ(table.values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(table.lines, (std::vector<std::size_t>{2, 4}));
    EXPECT_EQ(table.dimension, 3u);
    EXPECT_EQ(table.names, abc);
    EXPECT_EQ(table.note, "the columns are taken by their names: their order is not the model's");
}

TEST(ChosenColumns, LeaveOutWhatIsNoFeature) {
    const RowTable table = chosen("id,a,b c,d,label\nx7,1,2,3,benign\n,4,5,6,\n", abc);
    EXPECT_EQ(table.values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(table.note, "left out, no features of the model: 'id', 'label'");
    EXPECT_EQ(chosen("d,y,a,y,z,,b c\n3,0,1,0,0,0,2\n", abc).note,
              "the columns are taken by their names: their order is not the model's; left out, no features of the "
              "model: 'y', 'y', 'z' and 1 more");
}

TEST(ChosenColumns, NameWhatIsWrong) {
    const std::string advice = ". Name the columns as the model does, or give --ignore-header if they are in its order";
    EXPECT_EQ(fault_of_choice("a,b c,D\n1,2,3\n", abc),
              "line 1: the header has no column 'd', a feature of the model; its column 'D' is none" + advice);
    EXPECT_EQ(fault_of_choice("\n\na,d\n1,2\n", abc),
              "line 3: the header has no column 'b c', a feature of the model" + advice);
    EXPECT_EQ(fault_of_choice("a,b c,d,a\n1,2,3,4\n", abc),
              "line 1: the header has two columns 'a', a feature of the model" + advice);
    EXPECT_EQ(fault_of_choice("\x1b[31m,b,c\n1,2,3\n", abc).find('\x1b'), std::string::npos);
    for (const std::string line : {"a;b c;d", "1;2;3", "a\tb c\td"})
        EXPECT_NE(fault_of_choice(line + "\n1;2;3\n", abc).find("is one value to CSV: values are separated by commas"),
                  std::string::npos)
            << line;
    EXPECT_EQ(fault_of_choice("a;b\n1\n", {"a;b"}), "none: 1 rows");
    EXPECT_EQ(fault_of_choice("d,x,a,b c\n1,q,2,3\n1,q,no,3\n", abc), "line 3, column 3: 'no' is not a finite number");
    EXPECT_EQ(fault_of_choice("d,x,a,b c\nno,q,,3\n", abc), "line 2, column 1: 'no' is not a finite number");
    EXPECT_EQ(fault_of_choice("d,x,a,b c\n1,q,2,3\n1,2,3\n", abc), "line 3: 3 values, but the header has 4");
    EXPECT_EQ(fault_of_choice("a,b c,d\n1,2,3,4\n", abc), "line 2: 4 values, but the header has 3");
    EXPECT_EQ(fault_of_choice("a,b c,d\n", abc).substr(0, 12), "there are no");
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
