// Two encrypted predictions with the newest logistic_v1. Usage: predict [SERVER]
#include <einfer/client.h>

#include <iostream>
#include <vector>

int main(int argc, char** argv) {
    const std::vector<std::vector<double>> rows{
        {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1},
        {2.0, -1.5, 0.5, 3.0, -0.25, 1.0, 0.0, -2.0},
    };
    try {
        einfer::Client client({.server = argc > 1 ? argv[1] : "http://127.0.0.1:8000"});
        const einfer::Predictions answer = client.infer("logistic_v1", "", rows);
        for (const double value : answer.values) std::cout << value << '\n';
        std::cout << "error bound " << answer.error_bound << '\n';
    } catch (const einfer::Error& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
