# Prints what Ruby's dotenv reads from each file of a folder: a line of JSON each, values in base64, null if it refuses.
require 'base64'
require 'json'
require 'dotenv'

Dir.children(ARGV[0]).sort.each do |name|
  begin
    text = File.open(File.join(ARGV[0], name), 'rb:bom|utf-8', &:read)
    values = Dotenv::Parser.call(text)
    puts values.to_h { |key, value| [key, Base64.strict_encode64(value)] }.to_json
  rescue StandardError, SyntaxError
    puts 'null'
  end
end
