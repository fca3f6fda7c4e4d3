// Judges a picture by a graph that `psdl export` wrote, with ONNX Runtime's C++ package and nothing else.
//
//   g++ -std=c++17 score.cpp -I$ORT_HOME/include -L$ORT_HOME/lib -lonnxruntime -Wl,-rpath,$ORT_HOME/lib -o score
//   ./score part.onnx picture.ppm
//
// ORT_HOME: an unpacked release of ONNX Runtime. Pictures are binary PPM here (convert new.png new.ppm), to need no
// other library; what counts is their samples: 8 bit, red, green, blue, row after row.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

struct Picture {
    int64_t width = 0, height = 0;
    std::vector<uint8_t> samples;
};

static Picture read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    int64_t most = 0;
    Picture found;
    file >> kind >> found.width >> found.height >> most;
    if (!file || kind != "P6" || most != 255) throw std::runtime_error(path + " is no binary PPM of 8 bit");
    file.ignore(1);
    found.samples.resize(static_cast<size_t>(3 * found.width * found.height));
    file.read(reinterpret_cast<char*>(found.samples.data()), static_cast<std::streamsize>(found.samples.size()));
    if (!file) throw std::runtime_error(path + " is cut short");
    return found;
}

// A number that the graph says of itself, such as pixel_threshold.
static float fact(const Ort::Session& session, const char* name) {
    Ort::AllocatorWithDefaultOptions allocator;
    return std::stof(session.GetModelMetadata().LookupCustomMetadataMapAllocated(name, allocator).get());
}

int main(int count, char** words) try {
    if (count != 3) throw std::runtime_error("give a graph and a picture: score part.onnx picture.ppm");
    Ort::Env env(ORT_LOGGING_LEVEL_WARNING, "psdl");
    Ort::SessionOptions options;
#ifdef _WIN32
    const std::string given = words[1];
    Ort::Session session(env, std::wstring(given.begin(), given.end()).c_str(), options);
#else
    Ort::Session session(env, words[1], options);
#endif
    Picture picture = read_ppm(words[2]);
    const std::array<int64_t, 3> shape{picture.height, picture.width, 3};
    auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    Ort::Value image = Ort::Value::CreateTensor<uint8_t>(
        memory, picture.samples.data(), picture.samples.size(), shape.data(), shape.size());

    const char* inputs[] = {"image"};
    const char* outputs[] = {"score", "p_value", "verdict", "map"};
    auto found = session.Run(Ort::RunOptions{nullptr}, inputs, &image, 1, outputs, 4);
    const char* verdicts[] = {"OK", "REVIEW", "NG"};
    const int64_t verdict = *found[2].GetTensorData<int64_t>();
    std::printf("%s score %.9g p %.6g\n", verdicts[verdict], *found[0].GetTensorData<double>(),
                *found[1].GetTensorData<double>());

    // The defect mask at the network's input size: map values above the threshold that the graph carries. NaN, where
    // the model does not look, is above nothing.
    const auto size = found[3].GetTensorTypeAndShapeInfo().GetShape();
    const float* map = found[3].GetTensorData<float>();
    const float limit = fact(session, "pixel_threshold"), peak = fact(session, "peak_threshold");
    int64_t above = 0;
    float highest = -std::numeric_limits<float>::infinity();
    for (int64_t n = 0; n < size[0] * size[1]; ++n) {
        above += map[n] > limit;
        if (map[n] > highest) highest = map[n];
    }
    std::printf("map %lld x %lld, highest %.6g, above the mask's threshold %lld, region %s\n",
                static_cast<long long>(size[1]), static_cast<long long>(size[0]), highest,
                static_cast<long long>(above), highest > peak ? "yes" : "no");
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "score: %s\n", error.what());
    return 2;
}
