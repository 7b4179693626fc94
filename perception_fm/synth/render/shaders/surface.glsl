// What the surface is made of at a fragment; shared by picture and ground truth.
in vec3 v_world;
in vec3 v_camera;
in vec3 v_normal;
in vec2 v_uv;
in vec3 v_tint;
in vec3 v_object;
flat in vec4 v_albedo_roughness;
flat in vec4 v_metallic_emission_layer_bump;
flat in uvec2 v_label_instance;

uniform sampler2DArray u_albedo;  // and roughness
uniform sampler2DArray u_relief;  // normal x, y
uniform float u_lod_bias;
uniform float u_wetness;
uniform vec3 u_eye;


struct Surface {
    vec3 albedo;
    float roughness;
    vec2 bump;
};

Surface surface_here(vec3 upright) {
    Surface here;
    here.albedo = v_albedo_roughness.rgb * v_tint;
    here.roughness = v_albedo_roughness.a;
    here.bump = vec2(0.0);
    float layer = v_metallic_emission_layer_bump.z;
    if (layer >= 0.0) {
        vec3 at = vec3(v_uv, layer);
        vec4 colour = texture(u_albedo, at, u_lod_bias);
        // sRGB decoded by a polynomial, right to 0.3% of white (Chilliant, sRGB approximations for HLSL, 2012).
        here.albedo *= colour.rgb * (colour.rgb * (colour.rgb * 0.305306011 + 0.682171111) + 0.012522878);
        here.roughness *= colour.a;
#ifdef RELIEF
        float near = 1.0 - smoothstep(0.7, 1.0, length(v_camera) / RELIEF_REACH);
        vec2 relief = texture(u_relief, at, u_lod_bias).rg;
        here.bump = (relief * 255.0 - 128.0) / 127.0 * (near * v_metallic_emission_layer_bump.w);
#endif
    }
    // Water fills the pores of what is rough and lies level: darker and smoother (Lagarde 2013, "Water drop 3b").
    float wet = u_wetness * smoothstep(0.75, 0.97, upright.z) * smoothstep(0.3, 0.6, here.roughness);
    here.albedo *= mix(1.0, 0.55, wet);
    here.roughness = mix(here.roughness, 0.12, wet);
    here.bump *= 1.0 - 0.7 * wet;
    return here;
}
