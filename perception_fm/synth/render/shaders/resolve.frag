#version 330
// Samples of a pixel and its neighbourhood, weighted by a tent one pixel wide to each side. A highlight far beyond the
// sensor's range counts as what the sensor can take, or its edge would stay jagged.
uniform sampler2D u_samples;
uniform float u_factor;  // samples along a pixel's side
out vec4 f_radiance;

void main() {
    vec2 centre = gl_FragCoord.xy * u_factor;
    ivec2 first = ivec2(ceil(centre - u_factor - 0.5)), last = textureSize(u_samples, 0) - 1;
    vec3 sum = vec3(0.0);
    float weights = 0.0;
    for (int y = 0; y < TAPS; ++y)
        for (int x = 0; x < TAPS; ++x) {
            ivec2 at = first + ivec2(x, y);
            vec2 near = max(1.0 - abs(vec2(at) + 0.5 - centre) / u_factor, 0.0);
            sum += near.x * near.y * min(texelFetch(u_samples, clamp(at, ivec2(0), last), 0).rgb, vec3(12.0));
            weights += near.x * near.y;
        }
    f_radiance = vec4(sum / weights, 1.0);
}
