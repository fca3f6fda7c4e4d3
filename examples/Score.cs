// Judges a picture by a graph that `psdl export` wrote, with the package Microsoft.ML.OnnxRuntime.
//
//   dotnet new console -n Score && cd Score && cp ../Score.cs Program.cs
//   dotnet add package Microsoft.ML.OnnxRuntime && dotnet run -- part.onnx picture.ppm
//
// Pictures are binary PPM here, to need no other package; what counts is their samples: 8 bit, red, green, blue, row
// after row.

using System.Globalization;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

if (args.Length != 2)
{
    Console.Error.WriteLine("give a graph and a picture: Score part.onnx picture.ppm");
    return 2;
}

using var session = new InferenceSession(args[0]);
var (height, width, samples) = ReadPpm(args[1]);
var image = new DenseTensor<byte>(samples, new[] { height, width, 3 });
using var found = session.Run(new[] { NamedOnnxValue.CreateFromTensor("image", image) });

double score = found.First(one => one.Name == "score").AsTensor<double>().GetValue(0);
double p = found.First(one => one.Name == "p_value").AsTensor<double>().GetValue(0);
long verdict = found.First(one => one.Name == "verdict").AsTensor<long>().GetValue(0);
Tensor<float> map = found.First(one => one.Name == "map").AsTensor<float>();
string[] verdicts = { "OK", "REVIEW", "NG" };
Console.WriteLine(FormattableString.Invariant($"{verdicts[verdict]} score {score:G9} p {p:G6}"));

// The defect mask at the network's input size. NaN, where the model does not look, is above nothing.
float limit = Fact("pixel_threshold"), peak = Fact("peak_threshold");
float highest = map.Where(value => !float.IsNaN(value)).Max();
int above = map.Count(value => value > limit);
Console.WriteLine(FormattableString.Invariant(
    $"map {map.Dimensions[1]} x {map.Dimensions[0]}, highest {highest:G6}, above the mask's threshold {above}, region {(highest > peak ? "yes" : "no")}"));
return 0;

float Fact(string name) =>
    float.Parse(session.ModelMetadata.CustomMetadataMap[name], CultureInfo.InvariantCulture);

static (int Height, int Width, byte[] Samples) ReadPpm(string path)
{
    byte[] data = File.ReadAllBytes(path);
    var words = new List<string>();
    int at = 0;
    while (words.Count < 4)
    {
        int start = at;
        while (!char.IsWhiteSpace((char)data[at])) at++;
        words.Add(Encoding.ASCII.GetString(data, start, at - start));
        at++;
    }
    int width = int.Parse(words[1]), height = int.Parse(words[2]);
    if (words[0] != "P6" || words[3] != "255" || data.Length - at != 3 * width * height)
        throw new InvalidDataException($"{path} is no binary PPM of 8 bit");
    return (height, width, data[at..]);
}
