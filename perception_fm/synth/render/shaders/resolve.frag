#version 330
// Average of the samples of a pixel. A highlight far beyond the sensor's range counts as what the sensor can take,
// or its edge would stay jagged.
uniform sampler2D u_samples;
uniform int u_factor;
out vec4 f_radiance;

void main() {
    ivec2 corner = ivec2(gl_FragCoord.xy) * u_factor;
    vec3 sum = vec3(0.0);
    for (int y = 0; y < u_factor; ++y)
        for (int x = 0; x < u_factor; ++x)
            sum += min(texelFetch(u_samples, corner + ivec2(x, y), 0).rgb, vec3(12.0));
    f_radiance = vec4(sum / float(u_factor * u_factor), 1.0);
}
