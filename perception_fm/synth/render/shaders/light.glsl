// Sun with cascaded shadows, sky light, haze.
uniform sampler2D u_sky;          // equirectangular, rows from zenith to nadir, mipmapped
uniform vec3 u_irradiance[9];     // spherical harmonics of the sky light, already divided by pi
uniform vec3 u_horizon[5];         // Fourier series of the sky at the horizon over azimuth: 1, cos, sin, cos 2, sin 2
uniform vec3 u_sun_direction;     // towards the sun
uniform vec3 u_sun_light;         // radiance of a white surface facing the sun
uniform float u_extinction;       // per metre
uniform sampler2DShadow u_shadows;  // cascades side by side, the last from the zenith
uniform mat4 u_shadow_from_world[4];
uniform vec4 u_cascade_reach;     // metres from the eye
uniform vec4 u_cascade_texel;     // metres
#if ENCLOSURES > 0
uniform mat4 u_box_from_world[ENCLOSURES];
uniform vec4 u_box_half[ENCLOSURES];  // half size, light of the lamps
uniform float u_box_fade[ENCLOSURES];
#endif

#ifdef WET_ROAD
uniform mat4 u_camera_from_world;
uniform sampler2D u_reflection;   // the scene upside down in the plane of the road, BGR
uniform vec4 u_mirror_plane;
uniform vec2 u_mirror_size;       // of the buffer that is drawn into
uniform float u_mirrors;          // 0 while the reflection itself is drawn

const float RIPPLE = 0.15;        // by how much of the picture a full tilt of the surface shifts what it mirrors
#endif

const float PI = 3.14159265;
const float CASCADES = 4.0;

float tile_lookup(int tile, vec3 at, vec2 offset) {
    vec2 inside = clamp(at.xy + offset, 0.002, 0.998);
    return texture(u_shadows, vec3((inside.x + float(tile)) / CASCADES, inside.y, at.z));
}

float sun_visibility(vec3 world, vec3 normal) {
    float away = distance(world, u_eye);
    int tile = away < u_cascade_reach.x ? 0 : away < u_cascade_reach.y ? 1 : 2;
    if (away > u_cascade_reach.z) return 1.0;
    float slope = 1.0 - clamp(dot(normal, u_sun_direction), 0.0, 1.0);
    vec3 lifted = world + normal * (u_cascade_texel[tile] * (0.7 + 1.8 * slope));
    vec3 at = (u_shadow_from_world[tile] * vec4(lifted, 1.0)).xyz;
    if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) return 1.0;
    return tile_lookup(tile, at, vec2(0.0));  // filtered over 2x2 texels, and averaged over the samples of a pixel
}

// Share of the sky that a point sees, judged by what hangs over its surroundings.
float sky_visibility(vec3 world, vec3 normal) {
    vec3 lifted = world + normal * 0.35 + vec3(0.0, 0.0, 0.06);
    vec3 at = (u_shadow_from_world[3] * vec4(lifted, 1.0)).xyz;
    if (any(lessThan(at, vec3(0.0))) || any(greaterThan(at, vec3(1.0)))) return 1.0;
    float reach = 0.9 / (u_cascade_texel.w * float(textureSize(u_shadows, 0).y));
    float seen = tile_lookup(3, at, vec2(0.55, 0.3) * reach) + tile_lookup(3, at, vec2(-0.55, -0.3) * reach);
    return mix(0.3, 1.0, 0.5 * seen);
}

// x: share of the sky light that gets in, y: light of lamps.
vec2 enclosed(vec3 world) {
    vec2 light = vec2(1.0, 0.0);
#if ENCLOSURES > 0
    for (int i = 0; i < ENCLOSURES; ++i) {
        vec3 at = (u_box_from_world[i] * vec4(world, 1.0)).xyz;
        vec3 half_size = u_box_half[i].xyz;
        if (all(lessThan(abs(at), half_size))) {
            float depth = half_size.x - abs(at.x);
            light = vec2(exp(-depth / max(u_box_fade[i], 0.1) * 3.0), u_box_half[i].w);
        }
    }
#endif
    return light;
}

vec3 irradiance(vec3 n) {
    return max(u_irradiance[0] + u_irradiance[1] * n.y + u_irradiance[2] * n.z + u_irradiance[3] * n.x
        + u_irradiance[4] * (n.x * n.y) + u_irradiance[5] * (n.y * n.z) + u_irradiance[6] * (3.0 * n.z * n.z - 1.0)
        + u_irradiance[7] * (n.x * n.z) + u_irradiance[8] * (n.x * n.x - n.y * n.y), vec3(0.0));
}

vec3 sky_towards(vec3 d, float lod) {
    vec2 at = vec2(atan(d.y, d.x) / (2.0 * PI) + 0.5, acos(clamp(d.z, -1.0, 1.0)) / PI);
    return textureLod(u_sky, at, lod).rgb;
}

vec3 hazed(vec3 radiance, vec3 world) {
    vec3 way = world - u_eye;
    float clear = exp(-u_extinction * length(way));
    if (clear > 0.996) return radiance;
    vec2 to = normalize(way.xy + vec2(1e-6));
    vec3 horizon = u_horizon[0] + u_horizon[1] * to.x + u_horizon[2] * to.y + u_horizon[3] * (to.x * to.x - to.y * to.y)
        + u_horizon[4] * (2.0 * to.x * to.y);
    return mix(max(horizon, vec3(0.0)), radiance, clear);
}

// Burley 2012 / Karis 2013: Lambert, GGX with Smith-Schlick, Fresnel by Schlick; sky reflection by Karis' approximation.
// llvmpipe computes both sides of every branch, so what is rough has programs without the part for gloss.
vec3 lit(vec3 albedo, float roughness, float metallic, vec3 normal, vec3 bumped, vec3 world) {
    vec3 diffuse = albedo * (1.0 - metallic);
    vec2 roof = enclosed(world);
    float open_sky = sky_visibility(world, normal) * roof.x;
    float nl = dot(normal, u_sun_direction) > 0.0 ? max(dot(bumped, u_sun_direction), 0.0) : 0.0;
    vec3 sun = u_sun_light * (nl * sun_visibility(world, normal));
    vec3 radiance = diffuse * (irradiance(bumped) * open_sky + roof.y + sun);
#ifdef GLOSSY
    vec3 view = normalize(u_eye - world);
    vec3 f0 = mix(vec3(0.04), albedo, metallic);
    float nv = max(dot(bumped, view), 1e-3);
    vec3 halfway = normalize(view + u_sun_direction);
    float nh = max(dot(bumped, halfway), 0.0), vh = max(dot(view, halfway), 0.0);
    float a2 = pow(max(roughness, 0.06), 4.0);
    float spread = nh * nh * (a2 - 1.0) + 1.0;
    float k = (roughness + 1.0) * (roughness + 1.0) / 8.0;
    float mask = 1.0 / ((nl * (1.0 - k) + k) * (nv * (1.0 - k) + k));
    vec3 fresnel = f0 + (1.0 - f0) * pow(1.0 - vh, 5.0);
    radiance += sun * fresnel * (min(0.25 * a2 / (spread * spread) * mask, 40.0) - diffuse);
    vec4 r = roughness * vec4(-1.0, -0.0275, -0.572, 0.022) + vec4(1.0, 0.0425, 1.04, -0.04);
    float a004 = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
    vec3 reflectance = f0 * (-1.04 * a004 + r.z) + (1.04 * a004 + r.w);
    vec3 seen = sky_towards(reflect(-view, bumped), 1.0 + 7.0 * roughness) * open_sky + 0.4 * roof.y;
#ifdef WET_ROAD
    float level = abs(dot(u_mirror_plane, vec4(world, 1.0)));
    float mirrors = u_mirrors * smoothstep(0.9, 0.98, normal.z) * (1.0 - smoothstep(0.15, 0.5, level));
    vec2 at = gl_FragCoord.xy / u_mirror_size + (mat3(u_camera_from_world) * (bumped - normal)).xy * RIPPLE;
    seen = mix(seen, textureLod(u_reflection, at, 9.0 * roughness).bgr, mirrors);
#endif
    radiance += reflectance * seen;
#endif
    return radiance;
}
