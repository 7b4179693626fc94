in vec3 in_position;
uniform mat4 u_clip_from_object;

void main() {
    gl_Position = u_clip_from_object * vec4(in_position, 1.0);
}
