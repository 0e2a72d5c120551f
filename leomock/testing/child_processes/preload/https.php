<?php
// Gives the proxy to PHP's https streams, which read no proxy variable.
class LeomockHttps
{
    public $context;
    private $inner;

    public function stream_open($path, $mode, $options, &$opened)
    {
        $set = $this->context ? stream_context_get_options($this->context) : [];
        if (in_array(parse_url($path, PHP_URL_HOST), explode(",", getenv("LEOMOCK_REAL_HOSTS")))) {
            $set["http"]["proxy"] = "tcp://" . getenv("LEOMOCK_PROXY");
        }
        stream_wrapper_restore("https");
        try {
            $this->inner = fopen($path, $mode, false, stream_context_create($set));
        } finally {
            self::install();
        }
        return (bool) $this->inner;
    }

    public function stream_read($count)
    {
        return fread($this->inner, $count);
    }

    public function stream_eof()
    {
        return feof($this->inner);
    }

    public function stream_stat()
    {
        return fstat($this->inner);
    }

    public function stream_close()
    {
        fclose($this->inner);
    }

    public static function install()
    {
        stream_wrapper_unregister("https");
        stream_wrapper_register("https", self::class, STREAM_IS_URL);
    }
}

if (getenv("LEOMOCK_PROXY")) {
    LeomockHttps::install();
}
